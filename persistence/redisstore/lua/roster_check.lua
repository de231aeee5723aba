-- Answers epoch, version, whether it is closed, and the lives with what is known of them.
local closed = call('MGET', KEYS[4])[1]
if closed then return {closed, '0', 1, {}} end
local epoch, version = head(call)
if not epoch then return {'', '0', 0, {}} end
-- What somebody asks for stays.
local left = call('PTTL', KEYS[1])
if left >= 0 and left < IDLE / 2 then call('PEXPIRE', KEYS[1], IDLE) end
return {epoch, format(NUM, version), 0, call('HGETALL', KEYS[3])}
