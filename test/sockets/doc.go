// Package sockets holds nothing but tests: what sockets take that are large or many. A gigabyte is streamed through one, ten thousand are
// opened and vanish, and a thousand with a program each. Without TIDINGS_SOAK in the environment it is 64 MiB, a few hundred, and forty.
package sockets
