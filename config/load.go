package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxFileBytes bounds a configuration file. Real ones have a few kilobytes.
const MaxFileBytes = 1 << 20

// Source is where a configuration comes from. Everything is optional.
type Source struct {
	File  string            // path of the file
	Env   []string          // environment, as os.Environ
	Flags map[string]string // values by the flags' names, without dashes; only those that were given
}

// Loaded is a configuration and what was noticed on the way.
type Loaded struct {
	Config

	// Warnings are for what is probably not meant, such as TIDINGS_LISTNE in the environment.
	Warnings []string
}

// Load reads a configuration. What is wrong comes back as [Mistakes], all at once.
func Load(s Source) (Loaded, error) {
	l := loader{config: Default(), origins: map[string]string{}}
	if s.File != "" {
		l.readFile(s.File)
	}
	l.readEnv(s.Env)
	l.readFlags(s.Flags)
	l.readKeys()
	l.validate()
	if len(l.mistakes) > 0 {
		return Loaded{}, l.mistakes
	}
	return Loaded{Config: l.config, Warnings: l.warnings}, nil
}

// loader fills a configuration and remembers where each value came from.
type loader struct {
	config   Config
	file     string
	origins  map[string]string // by key: where it was set last
	mistakes Mistakes
	warnings []string
}

func (l *loader) field(o Option) reflect.Value {
	return reflect.ValueOf(&l.config).Elem().FieldByIndex(o.index)
}

func (l *loader) readFile(path string) {
	f, err := os.Open(path)
	if err != nil {
		l.mistakes.add("", "%v", err)
		return
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	switch {
	case err != nil:
		l.mistakes.add("", "%v", err)
	case len(data) > MaxFileBytes:
		l.mistakes.add(path, "is larger than %v: is it a configuration?", Size(MaxFileBytes))
	default:
		l.parse(path, data)
	}
}

// parse reads the text of a file. It walks the nodes itself: a decoder would stop at the first mistake and lose the lines.
func (l *loader) parse(path string, data []byte) {
	l.file = path
	decoder := yaml.NewDecoder(strings.NewReader(string(data)))
	var doc yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF): // nothing but comments
		return
	case err != nil:
		l.mistakes.add(path, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		l.mistakes.add(path, "holds more than one document")
	}
	if top := doc.Content[0]; top.Tag != "!!null" {
		l.walk(top, "")
	}
}

// at says where a node stands.
func (l *loader) at(n *yaml.Node) string {
	if n.Line == 0 || l.file == "" {
		return l.file
	}
	return fmt.Sprintf("%s:%d", l.file, n.Line)
}

// pairs calls do for the keys of a mapping, each once.
func (l *loader) pairs(n *yaml.Node, what string, do func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		l.mistakes.add(l.at(n), "%s needs keys and values", what)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			l.mistakes.add(l.at(key), "a key must be a word")
			continue
		}
		if line, again := seen[key.Value]; again {
			l.mistakes.add(l.at(key), "%q stands in line %d already", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		do(key, value)
	}
}

func (l *loader) walk(n *yaml.Node, prefix string) {
	what := "the configuration"
	if prefix != "" {
		what = strings.TrimSuffix(prefix, ".")
	}
	l.pairs(n, what, func(key, value *yaml.Node) {
		path := prefix + key.Value
		if value.Tag == "!!null" { // as good as absent: everything below it is commented out
			if !l.known(path) {
				l.unknown(key, prefix)
			}
			return
		}
		if i := slices.IndexFunc(options, func(o Option) bool { return o.Key == path }); i >= 0 {
			l.set(options[i], value)
			return
		}
		if slices.ContainsFunc(sections[1:], func(s section) bool { return s.key == path }) {
			l.walk(value, path+".")
			return
		}
		l.unknown(key, prefix)
	})
}

func (l *loader) known(path string) bool {
	return slices.ContainsFunc(options, func(o Option) bool { return o.Key == path }) ||
		slices.ContainsFunc(sections[1:], func(s section) bool { return s.key == path })
}

// unknown reports a key that is none, with the nearest one of its section, else of the whole tree.
func (l *loader) unknown(key *yaml.Node, prefix string) {
	var near, all []string
	for _, o := range options {
		all = append(all, o.Key)
		if rest, ok := strings.CutPrefix(o.Key, prefix); ok {
			first, _, _ := strings.Cut(rest, ".")
			near = append(near, first)
		}
	}
	hint := Meant(key.Value, near)
	if hint == "" {
		for _, o := range options { // the right word in the wrong place
			if o.Key == key.Value || strings.HasSuffix(o.Key, "."+key.Value) || strings.ReplaceAll(o.Key, ".", "_") == key.Value {
				hint = fmt.Sprintf("; did you mean %q?", o.Key)
				break
			}
		}
	}
	if hint == "" {
		hint = Meant(prefix+key.Value, all)
	}
	l.mistakes.add(l.at(key), "there is no option %q%s", prefix+key.Value, hint)
}

func (l *loader) set(o Option, n *yaml.Node) {
	l.origins[o.Key] = l.at(n)
	into := l.field(o)
	if o.rules() {
		into.Set(l.rules(o, n))
		return
	}
	l.value(o.Key, into, n)
}

// value reads one value, or a list of words.
func (l *loader) value(key string, into reflect.Value, n *yaml.Node) {
	if list, ok := reflect.TypeAssert[*[]string](into.Addr()); ok && n.Kind == yaml.SequenceNode { // else it is one word, or several with commas
		*list = nil
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				l.mistakes.add(l.at(item), "%s needs a list of words", key)
				continue
			}
			*list = append(*list, item.Value)
		}
		return
	}
	if n.Kind != yaml.ScalarNode {
		l.mistakes.add(l.at(n), "%s needs one value", key)
		return
	}
	if err := setText(into, n.Value); err != nil {
		l.mistakes.add(l.at(n), "%s: %v", key, err)
	}
}

// rules reads a list of rules.
func (l *loader) rules(o Option, n *yaml.Node) reflect.Value {
	rules := reflect.Zero(o.kind)
	if n.Kind != yaml.SequenceNode {
		l.mistakes.add(l.at(n), "%s needs a list of rules", o.Key)
		return rules
	}
	keys := ruleKeys(o.kind.Elem())
	for i, item := range n.Content {
		r := reflect.New(o.kind.Elem()).Elem()
		path := fmt.Sprintf("%s[%d]", o.Key, i)
		l.origins[path] = l.at(item)
		l.pairs(item, path, func(key, value *yaml.Node) {
			at := slices.Index(keys, key.Value)
			if at < 0 {
				l.mistakes.add(l.at(key), "a rule has no %q%s", key.Value, Meant(key.Value, keys))
				return
			}
			l.origins[path+"."+key.Value] = l.at(value)
			l.value(path+"."+key.Value, r.Field(at), value)
		})
		rules = reflect.Append(rules, r)
	}
	return rules
}

// setFrom sets an option from the environment or a flag.
func (l *loader) setFrom(where string, o Option, text string) {
	l.origins[o.Key] = where
	if !o.rules() {
		if err := setText(l.field(o), text); err != nil {
			l.mistakes.add(where, "%v", err)
		}
		return
	}
	n, err := parseRules(text)
	if err != nil {
		l.mistakes.add(where, "%v", err)
		return
	}
	file := l.file
	l.file, n.Line = where, 0
	unline(n)
	l.field(o).Set(l.rules(o, n))
	l.file = file
}

// unline forgets the lines of a node that came from one line.
func unline(n *yaml.Node) {
	n.Line = 0
	for _, child := range n.Content {
		unline(child)
	}
}

func (l *loader) readEnv(env []string) {
	known := []string{"TIDINGS_CONFIG"}
	for _, o := range options {
		known = append(known, o.Env)
		if o.AlsoEnv != "" {
			known = append(known, o.AlsoEnv)
		}
	}
	values := map[string]string{}
	var strange []string
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "TIDINGS_") {
			continue
		}
		values[name] = value
		if !slices.Contains(known, name) {
			strange = append(strange, name)
		}
	}
	for _, o := range options {
		if text, ok := values[o.Env]; ok {
			l.setFrom(o.Env, o, text)
		}
		if text := values[o.AlsoEnv]; text != "" { // adds: a secret from the environment beside those of the file
			l.config.PublishKeys = append(l.config.PublishKeys, text)
		}
	}
	// An unknown name is no mistake: container platforms put a service's address there under names of their own.
	slices.Sort(strange)
	for _, name := range strange {
		if hint := Meant(strings.TrimPrefix(name, "TIDINGS_"), trimAll(known, "TIDINGS_")); hint != "" {
			l.warnings = append(l.warnings, fmt.Sprintf("the environment has %s, which sets nothing%s", name,
				strings.Replace(hint, `"`, `"TIDINGS_`, 1)))
		}
	}
}

func trimAll(words []string, prefix string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.TrimPrefix(w, prefix)
	}
	return out
}

func (l *loader) readFlags(flags map[string]string) {
	for _, o := range options {
		if text, ok := flags[o.Flag]; ok && o.Flag != "" {
			l.setFrom("--"+o.Flag, o, text)
		}
	}
}

// readKeys adds the keys of publish_key_file to publish_keys.
func (l *loader) readKeys() {
	if l.config.PublishKeyFile == "" {
		return
	}
	where := l.origins["publish_key_file"]
	data, err := os.ReadFile(l.config.PublishKeyFile)
	if err != nil {
		l.mistakes.add(where, "publish_key_file: %v", err)
		return
	}
	found := false
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			l.config.PublishKeys = append(l.config.PublishKeys, line)
			found = true
		}
	}
	if !found {
		l.mistakes.add(where, "publish_key_file: %s holds no key", l.config.PublishKeyFile)
	}
}
