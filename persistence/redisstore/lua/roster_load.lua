-- Answers epoch, version, whether it is closed, and the members with their records.
local closed = call('MGET', KEYS[4])[1]
if closed then return {closed, '0', 1, {}} end
local epoch, version = head(call)
if not epoch then return {'', '0', 0, {}} end
return {epoch, format(NUM, version), 0, call('HGETALL', KEYS[2])}
