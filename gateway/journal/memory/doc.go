// Package memory is the journal that lives and ends with its process: no set-up, nothing on disk. Every process start is a
// new epoch, so that a reader learns that the log before it is lost.
//
// It owns no goroutine: the sink is called by whoever appends.
package memory
