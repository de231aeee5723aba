package redisstore

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed lua/roster_common.lua
	rosterCommonLua string
	//go:embed lua/roster_change.lua
	rosterChangeLua string
	//go:embed lua/roster_apply.lua
	rosterApplyLua string
	//go:embed lua/roster_bury.lua
	rosterBuryLua string
	//go:embed lua/roster_load.lua
	rosterLoadLua string
	//go:embed lua/roster_check.lua
	rosterCheckLua string
	//go:embed lua/roster_close.lua
	rosterCloseLua string
	//go:embed lua/roster_note.lua
	rosterNoteLua string
	//go:embed lua/roster_register.lua
	rosterRegisterLua string
	//go:embed lua/roster_unregister.lua
	rosterUnregisterLua string
)

// always lets a script write when Redis has no memory left: cleaning up frees some.
const always = "#!lua flags=allow-oom\n"

var (
	rosterApplyScript      = redis.NewScript(rosterCommonLua + rosterChangeLua + rosterApplyLua)
	rosterBuryScript       = redis.NewScript(always + rosterCommonLua + rosterChangeLua + rosterBuryLua)
	rosterLoadScript       = redis.NewScript(rosterCommonLua + rosterLoadLua)
	rosterCheckScript      = redis.NewScript(rosterCommonLua + rosterCheckLua)
	rosterCloseScript      = redis.NewScript(always + rosterCommonLua + rosterCloseLua)
	rosterNoteScript       = redis.NewScript(rosterNoteLua)
	rosterRegisterScript   = redis.NewScript(rosterRegisterLua)
	rosterUnregisterScript = redis.NewScript(rosterUnregisterLua)
	rosterEndScript        = redis.NewScript(always + "redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) return 1")
)
