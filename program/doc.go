// Package program has programs serve sockets: one runs for each socket, what its client sends is the program's standard input, and each line
// of its standard output is a message. In the environment the program finds the request, as a CGI program does (RFC 3875). [Runner.Feed] has one
// program's lines published to a topic instead.
//
// The package is not called exec, as the command is that is made of it: everyone who uses it needs os/exec, too.
//
// While a program runs there are five goroutines, the handler's included; on Linux all of them are parked while nothing happens, and no thread waits
// for the program's end. All memory of a conversation is bounded, whatever either side does: a program that writes faster than its client takes waits
// at its pipe, and a client that sends faster than the program reads is not read from.
//
// The package must not import server: the program that uses both maps one to the other.
package program
