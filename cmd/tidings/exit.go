package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tidings/bench"
	"tidings/client"
	"tidings/config"
	"tidings/gateway"
)

// exitCode is the status with which the program ends.
type exitCode int

// The statuses.
const (
	exitOK exitCode = iota
	exitFailure
	exitUsage
	exitRefused
	exitUnreachable
)

// exitCodes says what each status means, for the help and for docs/command-line.md.
var exitCodes = []struct {
	code    exitCode
	meaning string
}{
	{exitOK, "done; a gateway or a follow that was told to stop by a signal ends with it too"},
	{exitFailure, "failed, for a reason that the message says"},
	{exitUsage, "the command line or the configuration is wrong"},
	{exitRefused, "the gateway refused: no rights, no such transport, a condition that does not hold"},
	{exitUnreachable, "the gateway could not be reached"},
}

func exitHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %d  %s\n", e.code, e.meaning)
	}
	return b.String()
}

// usageError marks what is wrong with how the program was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitOf is the one place where errors become statuses.
func exitOf(err error) exitCode {
	var (
		refused  *client.Error
		mistakes config.Mistakes
		usage    usageError
	)
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return exitOK
	case errors.As(err, &mistakes), errors.As(err, &usage), errors.Is(err, gateway.ErrTopic),
		errors.Is(err, gateway.ErrReserved), errors.Is(err, gateway.ErrSince), errors.Is(err, client.ErrSocketURL):
		return exitUsage
	case errors.As(err, &refused), errors.Is(err, bench.ErrRefused):
		return exitRefused
	case errors.Is(err, client.ErrUnreachable), errors.Is(err, bench.ErrUnreachable):
		return exitUnreachable
	}
	return exitFailure
}
