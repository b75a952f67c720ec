// Package walls holds nothing but a test: it reads the import graph of the whole repository and fails when a package
// imports what the shape of the project forbids. Each wall says why it stands. The linter knows the direct imports
// too; this test also follows the indirect ones, through any module.
//
// It owns no goroutines and imports nothing of the repository.
package walls
