-- ARGV: 1 life, 2 how many members, 3 the command that publishes, 4 channel, 5 for how long the life is
-- dead (ms), 6 bytes of a frame after which it is enough. Answers how many members it still shows.
local life, enough = ARGV[1], tonumber(ARGV[6])
call('SET', KEYS[7], '1', 'PX', ARGV[5])
local keys = call('HRANDFIELD', KEYS[6], ARGV[2])
if #keys > 0 then
	local records = call('HMGET', KEYS[2], unpack(keys))
	for i = 1, #keys do
		drop(life, keys[i], records[i])
		if size > enough then break end
	end
	commit('', ARGV[3], ARGV[4])
end
local left = call('HLEN', KEYS[6])
if left == 0 then call('HDEL', KEYS[3], life) end
return left
