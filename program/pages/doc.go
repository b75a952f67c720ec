// Package pages is what is served beside the sockets of programs: the files of a directory, and a console by which a developer talks to a program
// before there is a page for it.
//
// The console has neither inline scripts nor inline styles and loads nothing from elsewhere, so that it runs under a strict Content-Security-Policy. It uses
// the gateway's own client with sockets where that is served, and so works where WebSocket does not. The package has no goroutines.
package pages
