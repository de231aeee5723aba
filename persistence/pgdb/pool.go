package pgdb

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// settle has the server give up just before the caller does, so that the connection survives, and names the program.
func settle(p *pgxpool.Config, cfg Config) (hosts int) {
	hosts = hostsOf(p.ConnConfig)
	params := p.ConnConfig.RuntimeParams
	params["application_name"] = fmt.Sprintf("troupe %.40s", cfg.Node)
	params["statement_timeout"] = milliseconds(cfg.Timeout * 9 / 10)
	params["lock_timeout"] = milliseconds(cfg.Timeout * 8 / 10)
	params["idle_in_transaction_session_timeout"] = milliseconds(2 * cfg.Timeout)
	params["client_encoding"] = "UTF8"
	params["timezone"] = "UTC"
	params["default_transaction_isolation"] = "read committed"       // what waited for a lock sees what it waited for
	p.ConnConfig.ConnectTimeout = cfg.Timeout / time.Duration(hosts) // so that one that hangs leaves time for the others
	p.ConnConfig.DialFunc = dial
	if hosts > 1 && p.ConnConfig.ValidateConnect == nil {
		p.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	p.MaxConns, p.MinConns, p.MinIdleConns = int32(cfg.MaxConns), 0, 0
	p.MaxConnIdleTime = time.Minute
	p.MaxConnLifetime = time.Hour
	p.MaxConnLifetimeJitter = 10 * time.Minute
	p.HealthCheckPeriod = time.Minute
	return hosts
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(max(1, d.Milliseconds()), 10) }

// hostsOf counts the servers of a URL.
func hostsOf(c *pgx.ConnConfig) int {
	type server struct {
		host string
		port uint16
	}
	seen := map[server]bool{{c.Host, c.Port}: true}
	for _, f := range c.Fallbacks {
		seen[server{f.Host, f.Port}] = true
	}
	return len(seen)
}

// fresh is how recently a connection must have been used to be used again without a ping.
const fresh = time.Second

// dead is asked by the pool before it hands a connection out. A connection that was used a moment ago, has nothing to say, and
// belongs to a server of which no connection was lost since, is not pinged. One that does not answer takes those
// that idle with it, so that an outage does not cost a failure for each.
func (db *DB) dead(ctx context.Context, p pgxpool.ShouldPingParams) bool {
	used := time.Now().Add(-p.IdleDuration).UnixNano()
	if p.IdleDuration < fresh && used > db.lost.Load() && quiet(p.Conn.PgConn().Conn()) {
		return false
	}
	ping, cancel := context.WithTimeout(ctx, db.timeout/2)
	defer cancel()
	if p.Conn.Ping(ping) == nil {
		return false
	}
	if ctx.Err() == nil {
		db.pool.Reset()
	}
	return true // the pool pings it too, sees that it is closed, and takes the next
}
