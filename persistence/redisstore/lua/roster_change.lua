-- A change is gathered, and made at its end by commit. A member is kept as the lives that show it,
-- oldest first, and its value, which is what the newest shows: "life life\nvalue". What reads
-- otherwise is not there.
local epoch, version = head(call)
if not epoch and call('EXISTS', KEYS[1], KEYS[2], KEYS[3]) > 0 then
	-- What is left of a roster without a head belongs to another epoch.
	forget()
	call('UNLINK', KEYS[6])
end

local before = call('HLEN', KEYS[2])
local count = before
local put, gone = {}, {}           -- of the members
local shows, hides = {}, {}        -- of the life
local frame, changes, size = {}, 0, 0

local function tell(key, value)
	local text
	if value then
		text = '+' .. #key .. ' ' .. #value .. '\n' .. key .. value
	else
		text = '-' .. #key .. '\n' .. key
	end
	changes = changes + 1
	frame[changes] = text
	size = size + #text
end

local function keep(key, record)
	put[#put + 1] = key
	put[#put + 1] = record
end

local function remove(key)
	gone[#gone + 1] = key
	count = count - 1
end

-- split reads a record: the lives and the value.
local function split(record)
	local at = record and find(record, '\n', 1, true)
	if at and at > 1 and at < #record then return sub(record, 1, at - 1), sub(record, at + 1) end
end

-- without takes a life off: the others, and whether it was the newest. nil if it is not there.
local function without(lives, life)
	if lives == life then return '', true end
	local padded = ' ' .. lives .. ' '
	local from, to = find(padded, ' ' .. life .. ' ', 1, true)
	if not from then return nil end
	if to == #padded then return sub(padded, 2, from - 1), true end
	return sub(padded, 2, from) .. sub(padded, to + 1, -2), false
end

-- drop has the life show a member no longer. It answers '-' if the member left, 'r' and the value if
-- another one is seen from now on, '.' if nothing is.
local function drop(life, key, record)
	hides[#hides + 1] = key
	if not record then return '.' end
	local lives, was = split(record)
	if not lives then
		remove(key)
		if call('HEXISTS', KEYS[6], key) == 0 then return '.' end
		tell(key)
		return '-'
	end
	local others, newest = without(lives, life)
	if not others then return '.' end
	local value = was
	while newest and others ~= '' do
		local last = string.match(others, '%S+$')
		value = call('HGET', KEYS[3] .. ':' .. last, key)
		if value and value ~= '' then break end
		others = without(others, last) -- it shows nothing
	end
	if others == '' then
		remove(key)
		tell(key)
		return '-'
	end
	keep(key, others .. '\n' .. value)
	if value == was then return '.' end
	tell(key, value)
	return 'r', value
end

-- many calls a command with any number of fields.
local function many(command, key, fields)
	for from = 1, #fields, 2000 do
		call(command, key, unpack(fields, from, math.min(from + 1999, #fields)))
	end
end

-- commit makes the change. What frees memory comes first: once it has begun, Redis lets it end.
local function commit(fresh, publish, channel)
	many('HDEL', KEYS[2], gone)
	many('HDEL', KEYS[6], hides)
	many('HSET', KEYS[2], put)
	many('HSET', KEYS[6], shows)
	if changes > 0 then
		version = version + 1
		epoch = epoch or fresh
		call('HSET', KEYS[1], 'epoch', epoch, 'version', format(NUM, version))
		call(publish, channel, 'R ' .. epoch .. ' ' .. format(NUM, version) .. ' ' .. changes .. '\n' .. table.concat(frame))
	end
	if count == 0 and (changes > 0 or before > 0) then
		call('PEXPIRE', KEYS[1], IDLE)
	elseif before == 0 and count > 0 then
		call('PERSIST', KEYS[1])
	end
end
