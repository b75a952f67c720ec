// Package gateway is the core: topics, messages, the history that followers read, and the fan-out.
//
// A message's way: [Gateway.Publish] checks it and appends it to the journal; the journal hands it back in the order of the
// log to the history, which links it behind the message before it. Each shard walks those links and marks the followers
// that want the message; a run queue then lets each of them write everything it has pending in one call. A follower is a
// position in the log and has no queue: one that cannot write is left at its position and reads on from the history later.
//
// The package owns one goroutine per shard and one that lets expired messages go. It knows no HTTP and no transport: a
// transport is a [Peer] here. It must not import net/http, a metrics library or an engine.
package gateway
