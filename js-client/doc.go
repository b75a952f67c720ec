// Package jsclient holds the built browser client, so that the gateway's binary serves it without a file beside it. It owns no
// goroutine and imports nothing of the project.
package jsclient
