package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"tidings/config"
	"tidings/program"
)

// command is one subcommand.
type command interface {
	run(ctx context.Context, s *session) error
}

// grammar is the command line.
type grammar struct {
	Serve   serveCmd   `cmd:"" default:"withargs" help:"Run a gateway (the default)."`
	Publish publishCmd `cmd:"" help:"Publish a message."`
	Follow  followCmd  `cmd:"" help:"Follow topics and print what comes."`
	Socket  socketCmd  `cmd:"" help:"Talk over a socket: lines out, messages in."`
	Exec    execCmd    `cmd:"" help:"Have a program serve sockets, one run for each client."`
	Bench   benchCmd   `cmd:"" help:"Load a gateway or another server, and measure it."`
	Config  configCmd  `cmd:"" help:"Look at the configuration."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// leave ends the parser where it would end the process, after it has printed the help.
type leave int

// parse reads the command line and runs its command.
func parse(args []string, s *session, do func(command, *session) error) (code exitCode) {
	g := &grammar{}
	for _, c := range []*configured{&g.Serve.configured, &g.Config.Show.configured} {
		flags, values := flagsOf()
		c.Plugins, c.values = kong.Plugins{flags}, values
	}
	defer func() {
		switch left := recover().(type) {
		case nil:
		case leave:
			code = exitCode(left)
		default:
			panic(left)
		}
	}()
	parser, err := kong.New(g,
		kong.Name("tidings"),
		kong.Description("A push gateway: publish with one POST, follow over whatever gets through.\n\n"+exitHelp()),
		kong.Writers(s.stdout, s.stderr),
		kong.Exit(func(code int) { panic(leave(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 110}),
		kong.ShortUsageOnError(),
		kong.Vars{"passenv": strings.Join(program.PassEnv(), ","), "maxprocs": strconv.Itoa(program.DefaultProcesses)},
	)
	if err != nil {
		fmt.Fprintln(s.stderr, "tidings:", err)
		return exitFailure
	}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		// The default command would call a misspelt one an argument too many.
		var names []string
		for _, child := range parser.Model.Children {
			names = append(names, child.Name)
		}
		if !slices.Contains(names, args[0]) {
			fmt.Fprintf(s.stderr, "tidings: there is no command %q%s\nTry: tidings --help\n", args[0], config.Meant(args[0], names))
			return exitUsage
		}
	}
	chosen, err := parser.Parse(args)
	if err != nil {
		var wrong *kong.ParseError
		hint := "tidings"
		if errors.As(err, &wrong) && wrong.Context.Selected() != nil {
			hint = wrong.Context.Selected().FullPath()
		}
		fmt.Fprintf(s.stderr, "tidings: %v\nTry: %s --help\n", err, hint)
		return exitUsage
	}
	c, _ := reflect.TypeAssert[command](chosen.Selected().Target.Addr())
	if err := do(c, s); err != nil {
		code := exitOf(err)
		if code != exitOK {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				fmt.Fprintln(s.stderr, "tidings:", line)
			}
		}
		return code
	}
	return exitOK
}

// given is the value of a flag of the configuration, if there was one.
type given struct {
	text string
	set  bool
}

// Decode implements [kong.MapperValue].
func (g *given) Decode(ctx *kong.DecodeContext) error {
	g.set = true
	return ctx.Scan.PopValueInto("value", &g.text)
}

// givenSwitch is the same for a switch, which needs no value.
type givenSwitch struct{ given }

// Decode implements [kong.MapperValue].
func (g *givenSwitch) Decode(ctx *kong.DecodeContext) error {
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		return g.given.Decode(ctx)
	}
	g.text, g.set = "true", true
	return nil
}

// IsBool implements [kong.BoolMapperValue].
func (*givenSwitch) IsBool() bool { return true }

// flagsOf makes a struct with a flag for every option of the configuration, and a function that returns those that were
// given once the parser has filled it. So the tags of config.Config stay the only list of options.
func flagsOf() (flags any, values func() map[string]string) {
	var names []string
	var fields []reflect.StructField
	for _, o := range config.Options() {
		if o.Flag == "" {
			continue
		}
		help, kind := o.Help, reflect.TypeFor[given]()
		if o.Bool() {
			kind = reflect.TypeFor[givenSwitch]()
		}
		if o.Default != "" && o.Default != "[]" {
			help += " (default " + o.Default + ")"
		}
		help = strings.ToUpper(help[:1]) + help[1:] + "."
		names = append(names, o.Flag)
		fields = append(fields, reflect.StructField{
			Name: "F" + strconv.Itoa(len(fields)), Type: kind,
			Tag: reflect.StructTag(fmt.Sprintf("name:%q help:%q placeholder:%q", o.Flag, help, o.Placeholder())),
		})
	}
	all := reflect.New(reflect.StructOf(fields))
	return all.Interface(), func() map[string]string {
		values := map[string]string{}
		for i, name := range names {
			var g given
			switch field := all.Elem().Field(i).Interface().(type) {
			case given:
				g = field
			case givenSwitch:
				g = field.given
			}
			if g.set {
				values[name] = g.text
			}
		}
		return values
	}
}

// lookup returns a variable of the environment.
func (s *session) lookup(name string) string {
	for _, entry := range s.env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}
