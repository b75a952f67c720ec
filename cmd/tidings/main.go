package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(int(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ())))
}

// session is what a command has of the world.
type session struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            []string
}

// run is the whole program but for the process around it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) exitCode {
	return parse(args, &session{stdin: stdin, stdout: stdout, stderr: stderr, env: env}, func(c command, s *session) error {
		return c.run(ctx, s)
	})
}
