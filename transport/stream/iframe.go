package stream

import (
	"slices"

	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// iframe is the forever frame: for browsers that hand a page an answer only when it has ended, but run the scripts of a document as they
// come.
var iframe = &Framing{
	Kind: transport.Stream, MediaType: HTML + "; charset=utf-8", Format: wire.Script, Chunked: wire.ScriptChunked, Enveloped: true,
	Prelude: wire.ScriptPrelude, Fields: frameFields, Opening: openFrame,
	Hello: wire.AppendScriptHello, Notice: wire.AppendScriptNotice,
	Bye: func(dst []byte, b transport.Bye, _ gateway.Cursor) []byte { return wire.AppendScriptBye(dst, b) },
}

// frameFields say whose page may be around the frame, and that the frame has nothing but its own scripts.
func frameFields(f *transport.Request) []park.Field {
	around := "'self'"
	if f.Origin != "" {
		around = f.Origin
	}
	return []park.Field{
		{Name: "Content-Security-Policy", Value: "default-src 'none'; script-src 'unsafe-inline'; frame-ancestors " + around},
		{Name: "Referrer-Policy", Value: "no-referrer"},
	}
}

func openFrame(dst []byte, f *transport.Request) []byte {
	if f.Origin != "" {
		return wire.AppendScriptOrigin(dst, f.Origin)
	}
	return wire.AppendScriptCallback(dst, f.Callback)
}

// FrameOf returns a forever frame that says one object and ends: a refusal, to who cannot see a status.
func FrameOf(f *transport.Request, object []byte) park.Reply {
	body := openFrame([]byte(wire.ScriptPrelude), f)
	return park.Reply{
		Head:  park.NewHead(slices.Concat(Fields(iframe.MediaType), frameFields(f))...),
		Parts: [][]byte{wire.AppendScript(body, object)},
	}
}
