// Package httpapi lets programs that speak no WebSocket use a node: it serves the
// HTTP calls of the protocol, with JSON in and out.
//
//	POST   /api/v1/publish                       one event, or a list of at most 256
//	GET    /api/v1/topics/{topic}/history        ?since=&epoch=&limit=
//	DELETE /api/v1/topics/{topic}/history        forgets it
//	GET    /api/v1/topics/{topic}/presence       who is there
//	GET    /api/v1/topics/{topic}/cursors        where they point
//	GET    /api/v1/groups/{group}                members and metadata
//	PATCH  /api/v1/groups/{group}                adds to the metadata
//	DELETE /api/v1/groups/{group}                closes the group
//	POST   /api/v1/groups/{group}/publish        to all, to a role, to a member
//	POST   /api/v1/groups/{group}/reopen         ends the closing
//	GET    /api/v1/limits/{name}/{key}           how a key stands, without consuming
//	POST   /api/v1/limits/{name}/{key}/consume   takes points
//	DELETE /api/v1/limits/{name}/{key}           gives a key all its points back
//	PUT    /api/v1/limits/{name}/{key}/ban       refuses a key everything for a time
//	DELETE /api/v1/limits/{name}/{key}/ban       ends that
//
// Each answer holds for the whole cluster, whichever node is asked. Names in a path are
// URL-encoded: the topic room:a/b is room%3Aa%2Fb. (One that is nothing but a slash can not be
// written.) A call that has nothing to say answers 204.
//
// # Guarantees
//
//   - Without keys and without Options.Authorize only programs on the node's own machine
//     are answered: nobody elsewhere, nobody whom a proxy let through, and no page under a
//     name of its own that it lets point to 127.0.0.1 (TestOnlyFromHere).
//   - A page of another origin is never answered, whoever it says it is (TestOtherOrigins).
//   - A key is compared by its hash, all hashes in the same time, and may do what its May
//     says and nothing else (TestKeys). No key stands in an answer or a log (TestKeysStayHidden).
//   - What is not understood is refused: fields and parameters that a call does not have,
//     one given twice, another content type, a body beyond the bound, names of the system
//     (TestHostileInput, FuzzBody, FuzzPath).
//   - Each call ends within Options.Timeout, whatever the backend does (TestBackendHangs).
//   - The events of a list are published in its order, and each is answered
//     (TestPublishList). The same id of the same key is kept and delivered once
//     (TestPublishSameID).
//   - What one node did the others tell (TestTwoNodes).
//
// # Messages
//
// None; it calls the node.
//
// # Failure
//
// An error is a problem document of RFC 9457: "code" is for programs and stable, "detail"
// for people, "field" names what of the request is wrong.
//
//	400 INVALID_REQUEST, INVALID_TOPIC, INVALID_ROLE
//	401 UNAUTHENTICATED
//	403 FORBIDDEN
//	404 NOT_FOUND               no such path, or limit; a topic without history, presence or cursors; no group
//	404 NOT_MEMBER              an event for somebody who is not in the group
//	405 METHOD_NOT_ALLOWED      with Allow
//	408 TIMEOUT                 the body did not arrive in time
//	409 CLOSED, FULL
//	413 TOO_LARGE
//	415 UNSUPPORTED_MEDIA_TYPE
//	429 RATE_LIMITED            an actor has no room for more; with Retry-After
//	500 INTERNAL_ERROR          logged here, with the cause
//	503 UNAVAILABLE             the backend fails or is too slow, or the node stops; with Retry-After
//
// A consume that the limit refuses is not an error: it is told by "allowed". After a 503 it
// is unknown whether what was asked for was done; publish again with the same id.
package httpapi
