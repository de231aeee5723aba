package main

import (
	"fmt"
	"regexp"

	"github.com/alecthomas/kong"

	"github.com/troupe-rt/troupe/cmd/node/settings"
)

const description = `A Troupe node: topics with history, presence, cursors and groups for realtime messaging, over WebSocket.

Try it:

  node                                       serve on http://127.0.0.1:8080; open it in two windows
  node tail room:lobby                       print what is published there, and go on
  node publish room:lobby msg '{"text":"hi"}'

Set it up:

  node config > troupe.yaml                  write the configuration that is in force to a file
  node check troupe.yaml                     say everything that is wrong with a file
  node key                                   make a key for the HTTP API, and its hash for the file
  node --config troupe.yaml --log-level debug

Run several as one:

  node --redis redis://localhost:6379        a node that shares its topics with all that say the same
  node --postgres postgres://localhost/app   the same over Postgres, without Redis; with both, Postgres keeps what says so
  node members                               the nodes of the cluster, and how they are
  node doctor                                what in the settings of the servers weakens what Troupe promises

Let a database speak:

  node pg migrate                            make the schema in Postgres, which a node does too when it starts
  node pg trigger --table messages           a trigger that announces what changes in a table; --install installs it
  node pg outbox dead                        events that a transaction left and no topic took

A setting is a flag (--log-level), an environment variable (TROUPE_LOG_LEVEL) or a line of the file
(log: {level: debug}); a flag wins over the environment, and that over the file. Topics with their
presence and cursors, groups, limits, authentication and channels of Postgres are set in the file only. A file that lists no
topics, groups or limits gets some to try the node with: presence and cursors on every topic, groups
lobby:* of five, and 20 publishes in 5 s for a connection on the topics demo:*. Any other file gets what
it lists: a topic has presence, cursors and a limit if its entry says so, and without groups there are none.`

// commands is the command line.
type commands struct {
	Serve   serveCommand   `cmd:"" default:"withargs" help:"Run a node. This is what happens without a command."`
	Config  configCommand  `cmd:"" help:"Print the configuration in force, as a file, with where each value came from."`
	Check   checkCommand   `cmd:"" help:"Say everything that is wrong with a configuration."`
	Tail    tailCommand    `cmd:"" help:"Print the events of a topic of a running node, one JSON object per line."`
	Publish publishCommand `cmd:"" help:"Publish an event to a topic of a running node and print its position."`
	Members membersCommand `cmd:"" help:"Print the nodes of a running node's cluster."`
	Doctor  doctorCommand  `cmd:"" help:"Check Redis and Postgres and explain what their settings do to Troupe's guarantees."`
	Pg      pgCommand      `cmd:"" help:"Look after the schema, triggers and the outbox in Postgres."`
	Key     keyCommand     `cmd:"" help:"Make a key for the HTTP API, and the hash of it for auth.apiKeys."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// settingFlags are the settings with one value. describeFlags takes their help
// from package settings; a test compares both lists.
type settingFlags struct {
	Listen        *string `placeholder:"ADDR"`
	Origins       *string `placeholder:"URL,..."`
	AnyScript     *bool
	Redis         *string `placeholder:"URL"`
	Postgres      *string `placeholder:"URL"`
	Schema        *string `placeholder:"NAME"`
	PostgresConns *string `placeholder:"N"`
	Prefix        *string `placeholder:"TEXT"`
	Replicas      *string `placeholder:"N"`
	Memory        *string `placeholder:"SIZE"`
	DrainTimeout  *string `placeholder:"TIME"`
	LogLevel      *string `placeholder:"LEVEL"`
	LogFormat     *string `placeholder:"FORMAT"`

	GatewayFrame                 *string `placeholder:"SIZE"`
	GatewayQueue                 *string `placeholder:"SIZE"`
	GatewayTopics                *string `placeholder:"N"`
	GatewayFramesPerSecond       *string `placeholder:"N"`
	GatewayConnections           *string `placeholder:"N"`
	GatewayConnectionsPerAddress *string `placeholder:"N"`
	GatewayUpgradesPerAddress    *string `placeholder:"N"`
	GatewayHookTimeout           *string `placeholder:"TIME"`
	GatewayPingAfter             *string `placeholder:"TIME"`
	GatewayIdleTimeout           *string `placeholder:"TIME"`
	GatewayFrameLimit            *string `placeholder:"NAME"`
	GatewayUpgradeLimit          *string `placeholder:"NAME"`
}

// configured is a command that works with a configuration.
type configured struct {
	Config string `short:"c" placeholder:"FILE" help:"Configuration file, YAML (TROUPE_CONFIG)."`
	settingFlags
}

// given maps the flags on the command line to the texts that were given.
type given map[string]string

func flagsGiven(parsed *kong.Context) given {
	flags := given{}
	for _, p := range parsed.Path {
		if p.Flag == nil || !p.Flag.Target.IsValid() {
			continue
		}
		v := p.Flag.Target
		for v.Kind().String() == "ptr" && !v.IsNil() {
			v = v.Elem()
		}
		flags[p.Flag.Name] = fmt.Sprint(v.Interface())
	}
	return flags
}

// describeFlags writes help, default and environment variable of each setting.
func describeFlags(k *kong.Kong) error {
	byFlag := map[string]settings.Setting{}
	for _, s := range settings.Described() {
		byFlag[s.Flag] = s
	}
	return kong.Visit(k.Model, func(node kong.Visitable, next kong.Next) error {
		if f, ok := node.(*kong.Flag); ok {
			if s, ok := byFlag[f.Name]; ok {
				initial := s.Default
				if initial == "" {
					initial = "none"
				}
				f.Help = fmt.Sprintf("%s Default %s. (%s)", s.Help, initial, s.Env)
			}
		}
		return next(nil)
	})
}

var credentials = regexp.MustCompile(`://\S*@`)

// explainUsage adds what to do to kong's messages.
func explainUsage(err error) error {
	// The message may repeat an argument that was meant as the value of a flag.
	said := credentials.ReplaceAllString(err.Error(), "://********@")
	return fmt.Errorf("%s; run node --help to see the commands and flags", said)
}
