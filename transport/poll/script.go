package poll

import (
	"tidings/transport/park"
	"tidings/transport/wire"
)

// scriptHead is the head of an answer by JSONP. No cache keeps it: who may have it is not for the cache to decide.
var scriptHead = headOf("text/javascript; charset=utf-8", "no-store", byOrigin)

// CallOf returns an answer by JSONP that says one object: a refusal, to who cannot see a status.
func CallOf(callback string, object []byte) park.Reply {
	parts, _ := wire.Call(callback, [][]byte{object})
	return park.Reply{Head: scriptHead, Parts: parts}
}
