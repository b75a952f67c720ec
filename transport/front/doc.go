// Package front is where connections come in: requests to follow are read, and answered, by the loops of package park, and everything
// else goes on to an http.Server with its bytes untouched. A client that only follows so never costs a goroutine.
//
// What the loops read is a small part of HTTP/1.1 that leaves no room for doubt ([Parse]): whatever it takes, net/http reads in the
// same way. It owns no goroutine. It must not import the gateway, any transport, or the server.
package front
