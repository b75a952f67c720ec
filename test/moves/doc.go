// Package moves holds nothing but a test: followers that go from transport to transport all the time, while much is published,
// get everything once and in order. It stands above all packages, as a program that uses the gateway and its client does.
package moves
