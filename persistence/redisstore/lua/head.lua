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
