// Package sse answers with server-sent events: the framing of a stream that a browser's EventSource reads. Everything else
// about it is package stream's. It owns no goroutine and must not import any transport but that one.
package sse
