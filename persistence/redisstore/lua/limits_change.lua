-- ARGV: 1 what to do, 2 for how long. See ratelimit.Change.
local key = KEYS[1]
if ARGV[1] == 'ban' then
	local rest = tonumber(ARGV[2])
	call('HSET', key, 'until', format('%d', now + rest))
	lasts(key, whole(call('HGET', key, 'gone')), rest)
elseif ARGV[1] == 'unban' then
	call('HDEL', key, 'until')
else
	call('UNLINK', key)
end
return 1
