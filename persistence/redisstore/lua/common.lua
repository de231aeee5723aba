-- What the scripts share. KEYS are head, log, ids of generation 0 and 1. All numbers are whole and
-- at most MAX, up to which doubles are exact; NUM writes them.
local MAX, NUM = 9007199254740991, '%.0f'
local DAY = 86400000
-- Log and ids live this much longer than they must, so that not every call sets it anew.
local SLACK = 60000

local format, call = string.format, redis.call
local stamp = call('TIME')
stamp = format('%s%03d', stamp[1], stamp[2] / 1000)
local now = tonumber(stamp)

-- whole reads a number that anyone may have written.
local function whole(s)
	local x = tonumber(s)
	if x and x >= 0 and x <= MAX and x % 1 == 0 then return x end
end

-- The head. Where there is none that makes sense, what is left of the topic belongs to another
-- life of its numbering.
local head = call('HMGET', KEYS[1], 'epoch', 'seq', 'base', 'ttl', 'due', 'gen', 'since')
local epoch, seq, base = head[1], whole(head[2]), whole(head[3])
if epoch and seq and #epoch <= 64 and string.find(epoch, '^[!-~]+$') then
	if not base or base < 1 or base > seq + 1 then base = seq + 1 end
else
	call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
	epoch = nil
end
