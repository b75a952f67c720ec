// Package fallback decides which transport serves a client: it holds the ladder of transports that are switched on, what is
// offered to clients, how a request's wish is read, and the count of what was chosen and why.
//
// It takes plain values and serves nothing; it owns no goroutine. It must not import server, metrics or echo.
package fallback
