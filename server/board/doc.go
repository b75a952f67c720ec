// Package board holds the page at /: a weather and news board fed by the messages of this gateway, and by which
// everyone can see the client step down and come back. It is static files only, which the binary embeds.
//
// The page has neither inline scripts nor inline styles and loads nothing from elsewhere, so that it runs under a strict
// Content-Security-Policy; icon.svg is its only picture. Its scripts are ES5, and plain.css stands in for board.css in
// browsers without custom properties, so that it shows messages wherever the client brings them. The package imports nothing
// of this module and has no goroutines.
package board
