// Package server is the HTTP application: its routes, who may do what and how much, publishing, following, deleting, and
// an orderly stop. It is also the embeddable face of Tidings: a [Server] is an http.Handler.
//
// A request enters by one of the routes in routes.go and passes one admission (admit.go), whatever its transport. Errors of
// every origin become one kind of answer in problem.go; docs/errors.md is generated from the table there.
//
// [Server.Serve] owns the goroutines of its http.Server and ends with them; the package starts no others. It is the only
// one that may import echo.
package server

//go:generate go test -run ^TestErrorsPage$ . -update
