// Package settings puts the configuration of a node together from flags,
// TROUPE_ environment variables, a YAML file and defaults, and says everything
// that is wrong with it at once.
//
// # Guarantees
//
//   - A flag wins over the environment, that over the file, that over the
//     default, for every setting with one value (TestPrecedence).
//   - Every fault is told in one go, with the flag, the variable, or the line
//     and column it came from (TestAllFaultsAtOnce, TestFaultPlaces).
//   - What is not a setting is refused, never ignored (TestUnknownSettings).
//   - A file that lists no topics, groups or limits gets some to try a node with; any other
//     gets what it lists, and a topic presence and cursors only if its entry says so
//     (TestDefaultLists, TestPresenceAndCursors). A limit that a topic or the gateway names is
//     defined (TestRoomFaults).
//   - What the bridge does is checked before anything connects, and the outbox is forwarded where
//     there is Postgres unless the file says no (TestBridgeFaults, TestBridge).
//   - Of an API key the file has the hash; what is wrong with a key is told without it
//     (TestAPIKeys).
//   - Without authentication only a loopback address is accepted
//     (TestPublicAddressNeedsAuthentication).
//   - No fault and no printed configuration shows a secret
//     (TestSecretsStayHidden, TestShownRedis,
//     TestShownPostgres, FuzzConfig).
//   - A printed mask is never taken for a password: a file that node config wrote
//     needs the secret from elsewhere (TestBackendsFromElsewhere).
//   - What Print writes, Load reads to the same settings (TestPrintRoundTrip).
//   - No file makes Load panic, whatever its bytes (FuzzConfig).
//
// # Messages
//
// None; there is no actor here and no state.
//
// # Failure
//
// Load fails with an error that joins a *Fault for each thing that is wrong.
package settings
