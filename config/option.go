package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Option is one option of the tree, as its tags describe it.
type Option struct {
	Key     string // in the file: history.bytes
	Env     string // in the environment: TIDINGS_HISTORY_BYTES
	AlsoEnv string // another variable that adds to it, if any
	Flag    string // on the command line, without the dashes: history-bytes; empty if it is a secret
	Help    string
	Default string // as it would be written in a file
	Choices []string

	index []int // in Config, for reflect's FieldByIndex
	kind  reflect.Type
}

// Bool reports whether the option is a switch.
func (o Option) Bool() bool { return o.kind.Kind() == reflect.Bool }

// rules reports whether the option is a list of rules.
func (o Option) rules() bool {
	return o.kind.Kind() == reflect.Slice && o.kind.Elem().Kind() == reflect.Struct
}

// Placeholder names what the option takes, as SIZE or LIST.
func (o Option) Placeholder() string {
	switch o.kind {
	case reflect.TypeFor[Size]():
		return "SIZE"
	case reflect.TypeFor[Duration]():
		return "DURATION"
	case reflect.TypeFor[int]():
		return "NUMBER"
	case reflect.TypeFor[[]string]():
		return "LIST"
	}
	if o.rules() {
		return "LIST"
	}
	if len(o.Choices) > 0 {
		return strings.ToUpper(strings.Join(o.Choices, "|"))
	}
	return strings.ToUpper(o.Key[strings.LastIndexAny(o.Key, "._")+1:])
}

// section is a part of the tree that holds options: Config itself, or one of the structs in it.
type section struct {
	key  string // empty for the top
	help string
}

var (
	options  []Option
	sections []section
)

func init() { // the tags do not change, and every use wants them
	describe(reflect.TypeFor[Config](), section{}, nil, reflect.ValueOf(Default()))
}

// Options lists every option in the order of the tree.
func Options() []Option { return options }

func describe(t reflect.Type, at section, index []int, defaults reflect.Value) {
	sections = append(sections, at)
	for i := range t.NumField() {
		f := t.Field(i)
		key, path := f.Tag.Get("key"), append(slices.Clip(index), i)
		if at.key != "" {
			key = at.key + "." + key
		}
		if f.Type.Kind() == reflect.Struct {
			describe(f.Type, section{key: key, help: f.Tag.Get("help")}, path, defaults)
			continue
		}
		o := Option{
			Key: key, Env: envName(key), AlsoEnv: f.Tag.Get("env"), Help: f.Tag.Get("help"),
			Choices: strings.Fields(f.Tag.Get("choices")), index: path, kind: f.Type,
			Default: format(defaults.FieldByIndex(path)),
		}
		if f.Tag.Get("secret") == "" {
			o.Flag = strings.NewReplacer(".", "-", "_", "-").Replace(key)
		}
		options = append(options, o)
	}
}

func envName(key string) string {
	return "TIDINGS_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// ruleKeys are the keys of a kind of rules, in the order of the fields that they set.
func ruleKeys(kind reflect.Type) (keys []string) {
	for f := range kind.Fields() {
		keys = append(keys, f.Tag.Get("key"))
	}
	return keys
}

// format writes a value as it stands in a file.
func format(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case fmt.Stringer:
		return value.String()
	case string:
		return value
	case []string:
		return "[" + strings.Join(value, ", ") + "]"
	}
	if v.Kind() == reflect.Slice {
		return "[]" // rules have no defaults
	}
	return fmt.Sprint(v.Interface())
}

// setText sets a value from the text of a scalar, an environment variable or a flag.
func setText(v reflect.Value, text string) error {
	switch into := v.Addr().Interface().(type) {
	case *string:
		*into = text
	case *[]string:
		*into = nil
		for part := range strings.SplitSeq(strings.Trim(strings.TrimSpace(text), "[]"), ",") {
			if part = strings.TrimSpace(part); part != "" {
				*into = append(*into, part)
			}
		}
	case *bool:
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "true", "yes", "on", "1":
			*into = true
		case "false", "no", "off", "0":
			*into = false
		default:
			return fmt.Errorf("%q is neither true nor false", text)
		}
	case *int:
		n, err := strconv.Atoi(strings.ReplaceAll(strings.TrimSpace(text), "_", ""))
		if err != nil {
			return fmt.Errorf("%q is no whole number", text)
		}
		*into = n
	case *Size:
		s, err := ParseSize(text)
		if err != nil {
			return fmt.Errorf("%q %w", text, err)
		}
		*into = s
	case *Duration:
		d, err := ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q %w", text, err)
		}
		*into = d
	default:
		return fmt.Errorf("cannot be set by text: %q", text)
	}
	return nil
}

// parseRules reads rules from one line, which is YAML as in the file: [{topic: news/**, messages: 10}].
func parseRules(text string) (*yaml.Node, error) {
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		return nil, err
	}
	if n.Kind == 0 { // nothing at all
		return &yaml.Node{Kind: yaml.SequenceNode}, nil
	}
	return n.Content[0], nil
}
