package cluster

import (
	"fmt"
	"strings"

	"github.com/troupe-rt/troupe/cluster/lease"
	"github.com/troupe-rt/troupe/persistence/memstore"
	"github.com/troupe-rt/troupe/persistence/pgdb"
	"github.com/troupe-rt/troupe/topic"
)

// What topic.Policy.Store may be. "" is the first of StoreRedis, StorePostgres and
// StoreMemory that the node has.
const (
	StoreRedis    = "redis"
	StorePostgres = "postgres"
	StoreMemory   = "memory" // only for a node that has neither
)

// clustered reports whether the node has something to share with others.
func (c Config) clustered() bool { return c.Redis != "" || c.Postgres != "" }

func (c Config) checkPostgres(add func(field, format string, args ...any)) {
	schema := c.Schema
	if schema == "" {
		add("schema", "can not be made of the prefix %.80q; give one, such as troupe", c.Prefix)
		schema = pgdb.DefaultSchema
	}
	for _, err := range []error{pgdb.CheckURL(c.Postgres), pgdb.CheckSchema(schema)} {
		if err != nil {
			field, rule := pgdb.Fault(err)
			add(field, "%s", rule)
		}
	}
	if c.PostgresConns < 1 || c.PostgresConns > 1000 {
		add("postgresConns", "%d is not within 1 to 1000", c.PostgresConns)
	}
}

func (c Config) checkAddress(add func(field, format string, args ...any)) {
	if !c.clustered() {
		return
	}
	if err := (lease.Member{ID: c.ID, Incarnation: "x", Address: c.Address}).Validate(); err != nil {
		add("address", "%s", err)
	}
}

// checkStores looks whether each topic can be kept where its policy says.
func (c Config) checkStores(add func(field, format string, args ...any)) {
	for i, p := range c.Topics {
		if rule := c.storeFault(p.Store); rule != "" {
			add(fmt.Sprintf("topics[%d].history.store", i), "%s", rule)
		}
	}
}

func (c Config) storeFault(store string) string {
	switch {
	case store == StoreRedis && c.Redis == "":
		return "is redis, but the node has none"
	case store == StorePostgres && c.Postgres == "":
		return "is postgres, but the node has none"
	case store == StoreMemory && c.clustered():
		return "is memory, which the nodes of a cluster do not share: leave it out, or keep no history"
	case !strings.Contains(" redis postgres memory ", " "+store+" ") && store != "":
		return fmt.Sprintf("%.40q must be redis, postgres or memory", store)
	}
	return ""
}

// logs are where topics may be kept, and which of them is the usual place.
func (n *Node) logs(cfg Config) (usual topic.Log, byName map[string]topic.Log) {
	byName = map[string]topic.Log{}
	if n.postgres != nil {
		usual = n.postgres.store
		byName[StorePostgres] = usual
	}
	if n.redis != nil {
		usual = n.redis.store
		byName[StoreRedis] = usual
	}
	if usual == nil {
		usual = memstore.New(memstore.Config{MaxBytes: cfg.Memory, Registerer: cfg.Registerer})
		byName[StoreMemory] = usual
	}
	return usual, byName
}
