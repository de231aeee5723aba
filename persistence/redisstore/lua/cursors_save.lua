-- ARGV: 1 writer, 2 number of the call, 3 ttl (ms), then for each entry key, number, and what goes
-- behind number and until ('': removed).
local hash, writer, ttl = KEYS[1], 'w' .. ARGV[1], tonumber(ARGV[3])
local last = call('HGET', hash, writer)
if last and tonumber(string.match(last, '^%d+')) >= tonumber(ARGV[2]) then return 0 end

local fields = {}
for i = 4, #ARGV, 3 do fields[#fields + 1] = 'c' .. ARGV[i] end
local found = call('HMGET', hash, unpack(fields))
local put = {writer, format('%s %.0f', ARGV[2], now)}
local drop = {}
local till = format('%.0f', now + ttl)
for i, field in ipairs(fields) do
	local at = 3 * i + 1
	local have = found[i]
	local known = have and not over(field, have) and tonumber(string.match(have, '^%d+'))
	if not known or tonumber(ARGV[at + 1]) > known then
		if ARGV[at + 2] ~= '' then
			put[#put + 1] = field
			put[#put + 1] = ARGV[at + 1] .. ' ' .. till .. ' ' .. ARGV[at + 2]
		elseif have then
			drop[#drop + 1] = field
		end
	end
end
call('HSET', hash, unpack(put))

-- What dead nodes have left goes bit by bit.
local some = call('HRANDFIELD', hash, 8, 'WITHVALUES')
for i = 1, #some, 2 do
	if over(some[i], some[i + 1]) then drop[#drop + 1] = some[i] end
end
if #drop > 0 then call('HDEL', hash, unpack(drop)) end
call('PEXPIRE', hash, format('%.0f', math.max(ttl, LATE)))
return 1
