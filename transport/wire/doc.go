// Package wire writes messages and everything else that followers are told as bytes: each message once per format, shared by
// all who follow it. docs/wire.md is its specification, testdata holds the bytes.
//
// A format's bytes are whole units: a JSON object, an event, a line, a part, each with its HTTP chunk head where the format
// is chunked. The package owns no goroutine. It must not import package park or any transport.
package wire
