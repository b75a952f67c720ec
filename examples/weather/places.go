package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// place is somewhere that has weather.
type place struct {
	name, country       string
	latitude, longitude float64 // degrees, north and east positive
}

// places are those with a recorded forecast in data, under their slug.
var places = []place{
	{"Paris", "France", 48.86, 2.35},
	{"Lisbon", "Portugal", 38.72, -9.14},
	{"Reykjavik", "Iceland", 64.14, -21.9},
	{"Athens", "Greece", 37.98, 23.72},
	{"Helsinki", "Finland", 60.17, 24.94},
	{"Tokyo", "Japan", 35.69, 139.69},
	{"Nairobi", "Kenya", -1.29, 36.82},
	{"New York", "United States", 40.71, -74.01},
}

// topic is where the place's reports are published.
func (p place) topic() string { return "weather/" + p.slug() }

// slug is the name in lower case, with one hyphen for whatever is neither letter nor digit.
func (p place) slug() string {
	fields := strings.FieldsFunc(strings.ToLower(p.name), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	return strings.Join(fields, "-")
}

// fill puts the place's position into an address with {latitude} and {longitude}.
func (p place) fill(template string) string {
	degrees := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	return strings.NewReplacer("{latitude}", degrees(p.latitude), "{longitude}", degrees(p.longitude)).Replace(template)
}

// parsePlace reads "name,country,latitude,longitude", as --place has it.
func parsePlace(s string) (place, error) {
	fields := strings.Split(s, ",")
	if len(fields) != 4 {
		return place{}, fmt.Errorf("%q is not name,country,latitude,longitude", s)
	}
	p := place{name: strings.TrimSpace(fields[0]), country: strings.TrimSpace(fields[1])}
	if p.slug() == "" {
		return place{}, fmt.Errorf("%q has no name", s)
	}
	var err error
	if p.latitude, err = parseDegrees(fields[2], 90); err != nil {
		return place{}, fmt.Errorf("latitude: %w", err)
	}
	if p.longitude, err = parseDegrees(fields[3], 180); err != nil {
		return place{}, fmt.Errorf("longitude: %w", err)
	}
	return p, nil
}

func parseDegrees(s string, limit float64) (float64, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(math.Abs(f) <= limit) { // written so that NaN is refused
		return 0, fmt.Errorf("%q is not a number of degrees within ±%v", s, limit)
	}
	return f, nil
}
