-- What the scripts share. KEYS are head, log, ids of generation 0 and 1. All numbers are whole and
-- at most MAX, up to which doubles are exact; NUM writes them.
local MAX, NUM = 9007199254740991, '%.0f'
local DAY = 86400000
-- Log and ids live this much longer than they must, so that not every call sets it anew.
local SLACK = 60000

local format, call = string.format, redis.call
