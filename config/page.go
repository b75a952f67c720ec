package config

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Page returns docs/configuration.md: every option, for people.
func Page() string {
	var b strings.Builder
	b.WriteString(`# Configuration

Nothing has to be configured: ` + "`tidings serve`" + ` listens on 127.0.0.1:8080, where it needs no key. Every option has one name in three
places: a key in a YAML file, an environment variable, and a flag of ` + "`tidings serve`" + `. A flag wins over the environment, that over
the file, and that over the default.

` + "```sh" + `
tidings serve --config tidings.yaml --history-bytes 1GiB
TIDINGS_HISTORY_BYTES=1GiB tidings serve
tidings config check tidings.yaml     # reports every mistake, each with its line
tidings config show                   # what file, environment and flags come to
` + "```" + `

[configs/tidings.yaml](../configs/tidings.yaml) has every key with its default. The file is named by ` + "`--config`" + ` or ` + "`TIDINGS_CONFIG`" + `;
none is read unless it is named. A key that there is not is a mistake, and so is a value out of bounds: then the gateway does not start.

Sizes are bytes with a unit (` + "`64MiB`, `2GB`, `4096`" + `), durations have one too (` + "`500ms`, `20s`, `5m`, `2h`, `7d`" + `). Lists are separated by
commas in the environment and on the command line; rules are written there as in the file, on one line: ` + "`[{topic: scores/**, messages: 1}]`" + `.

Publish keys have no flag: other users of a machine can read command lines. ` + "`TIDINGS_PUBLISH_KEY`" + ` adds one key to those of the file.
An address that other machines can reach needs a publish key, or ` + "`insecure`" + `; without either the gateway does not start.

This page is generated from the tags of ` + "`config.Config`" + `: ` + "`go generate ./config`" + `.
`)
	for _, s := range sections {
		title := "Options"
		if s.key != "" {
			title = "`" + s.key + "`: " + s.help
		}
		fmt.Fprintf(&b, "\n## %s\n\n| Key | Environment | Flag | Default | |\n|---|---|---|---|---|\n", title)
		for _, o := range options {
			if o.section() != s.key {
				continue
			}
			env, flag, byDefault := "`"+o.Env+"`", "–", "–"
			if o.AlsoEnv != "" {
				env += ", `" + o.AlsoEnv + "`"
			}
			if o.Flag != "" {
				flag = "`--" + o.Flag + "`"
			}
			if o.Default != "" && o.Default != "[]" {
				byDefault = "`" + o.Default + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", o.Key, env, flag, byDefault, sentence(o.Help))
		}
	}
	for _, o := range options {
		if !o.rules() {
			continue
		}
		fmt.Fprintf(&b, "\n## A rule of `%s`\n\n| Key | |\n|---|---|\n", o.Key)
		for f := range o.kind.Elem().Fields() {
			fmt.Fprintf(&b, "| `%s` | %s |\n", f.Tag.Get("key"), sentence(f.Tag.Get("help")))
		}
	}
	return b.String()
}

// examples are of the options that are lists of rules.
var examples = map[string]string{
	"history.rules": `- topic: scores/**   # the newest score of each game only
  messages: 1
- topic: news/*
  bytes: 64MiB
  age: 7d
- topic: prices/*    # the newest price of each Tidings-Key
  conflate: key
- topic: control     # who is 100 messages behind must come back
  slow: disconnect
  lag: 100
`,
	"sockets": `- path: /count          # ws://…/count is a conversation with a ./count.sh of one's own
  exec: [./count.sh, "10"]
- path: /tools/         # ws://…/tools/NAME with the program NAME in the directory
  dir: /srv/tools
  per_address: 5
- topic: load           # everyone who follows load sees the lines of the same program
  exec: [vmstat, "5"]
`,
	"ladder": `- topic: scores/**      # so many read these that they are to poll
  transports: [longpoll, poll]
- clients: 10.0.0.0/8   # behind a firewall that breaks WebSockets
  transports: [sse, stream, longpoll, poll]
`,
}

// File returns configs/tidings.yaml: every option with its default, and what it does.
func File() string {
	var b strings.Builder
	b.WriteString(`# The configuration of a gateway: every key, with its default. Keep what you change; leave out the rest.
# Read by: tidings serve --config tidings.yaml
# Checked by: tidings config check tidings.yaml
# docs/configuration.md says how the same options are named in the environment and on the command line.
`)
	within := ""
	for _, o := range options {
		indent, name := "", o.Key
		if s := o.section(); s != "" {
			indent, name = "  ", strings.TrimPrefix(o.Key, s+".")
		}
		if s := o.section(); s != within {
			if within = s; s != "" {
				fmt.Fprintf(&b, "\n%s%s:\n", comment("", sentence(sectionHelp(s))), s)
			}
		}
		if indent == "" {
			b.WriteByte('\n')
		}
		value := o.Default
		if value == "" {
			value = `""`
		}
		fmt.Fprintf(&b, "%s%s%s: %s\n", comment(indent, sentence(o.Help)), indent, name, value)
		if o.rules() {
			b.WriteString(comment(indent, "For example:"))
			for line := range strings.Lines(examples[o.Key]) {
				b.WriteString(indent + "#   " + line)
			}
		}
	}
	return b.String()
}

// YAML writes the values of c as a file of their own, publish keys left out.
func (c Config) YAML() string {
	var b strings.Builder
	v := reflect.ValueOf(c)
	within := ""
	for _, o := range options {
		indent, name := "", o.Key
		if s := o.section(); s != "" {
			indent, name = "  ", strings.TrimPrefix(o.Key, s+".")
			if s != within {
				fmt.Fprintf(&b, "%s:\n", s)
			}
			within = s
		}
		field := v.FieldByIndex(o.index)
		if o.rules() {
			fmt.Fprintf(&b, "%s%s: [%s]\n", indent, name, joinRules(field))
			continue
		}
		switch value := field.Interface().(type) {
		case []string:
			if o.Flag == "" && len(value) > 0 {
				fmt.Fprintf(&b, "%s# %s: %d, not shown\n", indent, name, len(value))
				continue
			}
			fmt.Fprintf(&b, "%s%s: %s\n", indent, name, quoteAll(value))
		case string:
			fmt.Fprintf(&b, "%s%s: %s\n", indent, name, quote(value))
		default:
			fmt.Fprintf(&b, "%s%s: %s\n", indent, name, format(field))
		}
	}
	return b.String()
}

// joinRules writes rules in one line, without what they leave out.
func joinRules(rules reflect.Value) string {
	out := make([]string, rules.Len())
	for i := range out {
		r := rules.Index(i)
		var parts []string
		for at, key := range ruleKeys(r.Type()) {
			f := r.Field(at)
			if f.IsZero() && at > 0 {
				continue
			}
			text := format(f)
			switch value := f.Interface().(type) {
			case string:
				text = quote(value)
			case []string:
				text = quoteAll(value)
			}
			parts = append(parts, key+": "+text)
		}
		out[i] = "{" + strings.Join(parts, ", ") + "}"
	}
	return strings.Join(out, ", ")
}

func quoteAll(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = quote(word)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// quote writes a string so that YAML reads it as one: plain where it is a simple word.
func quote(text string) string {
	simple := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("./_-", r) }
	if text != "" && text[0] != '-' && strings.IndexFunc(text, func(r rune) bool { return !simple(r) }) < 0 {
		return text
	}
	return fmt.Sprintf("%q", text)
}

// section is the key of the part of the tree that the option is in.
func (o Option) section() string {
	for _, s := range sections[1:] {
		if strings.HasPrefix(o.Key, s.key+".") {
			return s.key
		}
	}
	return ""
}

func sectionHelp(key string) string {
	for _, s := range sections {
		if s.key == key {
			return s.help
		}
	}
	return ""
}

// sentence makes a help text one.
func sentence(help string) string {
	r, n := utf8.DecodeRuneInString(help)
	return string(unicode.ToUpper(r)) + help[n:] + "."
}

// comment wraps a text into comment lines.
func comment(indent, text string) string {
	const width = 100
	var b strings.Builder
	line := indent + "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = indent + "#"
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}
