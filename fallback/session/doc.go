// Package session knows clients by the label that they say (session=): so a client that polls is one follower for as long as it
// comes back, and a newer request of a client ends what waits for its older ones.
//
// A label is for counting and for letting go early what nobody needs any more. Nothing that a client gets depends on it: whatever
// is forgotten here costs a number in the metrics, or a poll that is held until its time is over.
//
// It owns no goroutine; while there are sessions, one timer for all of them looks for those that stay away. It must not import
// server, metrics or echo.
package session
