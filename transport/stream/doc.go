// Package stream answers with a body that does not end: NDJSON, multipart/mixed, multipart/x-mixed-replace and
// forever frames. It also holds what all such answers share, whatever their [Framing]; package sse is another framing.
//
// It owns no goroutine: package park holds the connection and a shard of the gateway writes to it. It must not import any
// other transport.
package stream
