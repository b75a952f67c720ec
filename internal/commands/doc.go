// Package commands holds nothing but a test: it runs the commands of the pages that people read (README.md, docs, the
// examples' pages, CONTRIBUTING.md) against the real program, and fails when one does not do what its page says. A command that it
// cannot judge fails it too.
//
// It imports nothing of the repository.
package commands
