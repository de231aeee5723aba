-- What the scripts of rosters share. KEYS: 1 head, 2 members, 3 lives, 4 closed, 5 notes; for one life:
-- 6 what it shows, 7 dead, 8 wrote. What a life shows is named as 3 with ':' and the life behind it.
local NUM = '%.0f'
local IDLE = 600000 -- how long the head of an empty roster stays, in ms
local LATE = 120000 -- how long a call may be under way that its caller has given up

local call, format, find, sub = redis.call, string.format, string.find, string.sub

-- head reads epoch and version. Anyone may write there: what makes no sense is not there.
local function head(call)
	local epoch, version = unpack(call('HMGET', KEYS[1], 'epoch', 'version'))
	version = tonumber(version or nil)
	if epoch and version and version >= 1 and version < 9007199254740991 and version % 1 == 0 and
		#epoch <= 64 and find(epoch, '^[!-~]+$') then
		return epoch, version
	end
	return nil, 0
end

-- entry reads what is known of a life: how many it shows, its entry in the life's list of rosters, who
-- wrote last, and the number of that call.
local function entry(text)
	return string.match(text or '', '^(%d+) (%S+) (%S+) (%d+)$')
end

-- forget removes the roster, but what was noted.
local function forget()
	local lives = redis.pcall('HKEYS', KEYS[3])
	for i = 1, #lives do call('UNLINK', KEYS[3] .. ':' .. lives[i]) end
	call('UNLINK', KEYS[1], KEYS[2], KEYS[3])
end
