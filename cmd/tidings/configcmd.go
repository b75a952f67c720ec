package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/alecthomas/kong"

	"tidings/config"
)

// configured are the flags of whatever reads the configuration.
type configured struct {
	File         string `name:"config" placeholder:"FILE" help:"Configuration file; also $$TIDINGS_CONFIG."`
	kong.Plugins        // a flag for each option

	values func() map[string]string
}

func (c *configured) load(s *session) (config.Loaded, error) {
	return config.Load(config.Source{File: cmp.Or(c.File, s.lookup("TIDINGS_CONFIG")), Env: s.env, Flags: c.values()})
}

type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Report every mistake in a file."`
	Show  configShowCmd  `cmd:"" help:"Print what file, environment and flags come to."`
}

type configCheckCmd struct {
	File string `arg:"" optional:"" help:"Configuration file; $$TIDINGS_CONFIG by default."`
}

func (c *configCheckCmd) run(_ context.Context, s *session) error {
	file := cmp.Or(c.File, s.lookup("TIDINGS_CONFIG"))
	if file == "" {
		return usageError{errors.New("no file is named")}
	}
	if _, err := config.Load(config.Source{File: file}); err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "%s: no mistakes\n", file)
	return nil
}

type configShowCmd struct{ configured }

func (c *configShowCmd) run(_ context.Context, s *session) error {
	loaded, err := c.load(s)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(s.stdout, loaded.YAML())
	return err
}
