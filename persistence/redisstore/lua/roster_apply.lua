-- ARGV: 1 life, 2 max, 3 the command that publishes, 4 channel, 5 epoch if a new one is needed, 6 who
-- writes, 7 the number of the call, 8 the entry in the life's list of rosters if it was just made, 9 how
-- many ops, then their keys, then their values ('': a drop). No key twice.
--
-- Answers 'ok', epoch, version, count, a letter for each op ('+' all see the value, '-' the member left,
-- 'r' all see another value, 'x' refused, '.' no change), the entry that is to be taken off the
-- list, if the life shows nobody any more, and the values of 'r'. Or what became of it instead.
local life, max, n, own = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[9]), ARGV[1] .. '\n'
local KEY, VALUE = 9, 9 + n

local dead, closed, wrote = unpack(call('MGET', KEYS[7], KEYS[4], KEYS[8]))
if dead then return {'buried'} end
if closed then
	for i = 1, n do
		if ARGV[VALUE + i] ~= '' then return {'closed'} end
	end
	return {'ok', closed, '0', 0, string.rep('.', n), ''}
end

-- A call that its caller has given up must not come after a later one.
local known = call('HGET', KEYS[3], life)
local _, token, writer, number = entry(known)
if not token then writer, number = string.match(wrote or '', '^(%S+) (%d+)$') end
if writer == ARGV[6] and tonumber(number) >= tonumber(ARGV[7]) then return {'late'} end
local had = call('HLEN', KEYS[6])

-- add has the life show a member, as the newest.
local function add(key, value, record)
	local lives, was = split(record)
	if record and not lives then
		remove(key)
		gone[#gone] = nil -- it is written over
	end
	local others = ''
	if lives then
		local rest, newest = without(lives, life)
		if newest and was == value then return '.' end
		others = rest or lives
		if others ~= '' then others = others .. ' ' end
	elseif max > 0 and count >= max then
		if record then gone[#gone + 1] = key end
		return 'x'
	else
		count = count + 1
	end
	keep(key, others .. own .. value)
	shows[#shows + 1] = key
	shows[#shows + 1] = value
	if was == value then return '.' end
	tell(key, value)
	return '+'
end

local answer, told = {'ok', '', '', 0, '', ''}, {}
for from = 1, n, 1000 do
	local to = math.min(from + 999, n)
	local records = call('HMGET', KEYS[2], unpack(ARGV, KEY + from, KEY + to))
	for i = from, to do
		local key, value, record = ARGV[KEY + i], ARGV[VALUE + i], records[i - from + 1]
		if value == '' then
			told[i], answer[#answer + 1] = drop(life, key, record)
		elseif record == own .. value then
			told[i] = '.'
		else
			told[i] = add(key, value, record)
		end
	end
end

if not token then
	if #shows > 0 and ARGV[8] == '' then return {'register'} end
	token = ARGV[8]
end
commit(ARGV[5], ARGV[3], ARGV[4])
local shows_now = had
if #shows > 0 or #hides > 0 then shows_now = call('HLEN', KEYS[6]) end
local by = ARGV[6] .. ' ' .. ARGV[7]
if shows_now == 0 then
	if known then call('HDEL', KEYS[3], life) end
	call('SET', KEYS[8], by, 'PX', LATE)
	answer[6] = token
elseif token ~= '' then
	call('HSET', KEYS[3], life, shows_now .. ' ' .. token .. ' ' .. by)
end
answer[2], answer[3], answer[4], answer[5] = epoch or '', format(NUM, version), count, table.concat(told)
return answer
