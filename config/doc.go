// Package config is the gateway's configuration: one tree, [Config], whose struct tags are the only list of the options there
// is. From them come the keys of the file, the names of the environment variables and flags, docs/configuration.md and
// configs/tidings.yaml (`go generate ./config` writes both again).
//
// An option's name is the same everywhere: `history.bytes` in the file is TIDINGS_HISTORY_BYTES in the environment and
// --history-bytes on the command line. A flag wins over the environment, that over the file, and that over the default.
// [Load] reports every mistake at once, each with the place where it stands.
//
// The package owns no goroutine. It must not import server or metrics: the program maps its tree to their options.
package config

//go:generate go test -run ^TestPage$ . -update
