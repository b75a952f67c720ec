package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// report is what is published: the weather of one place at one time.
type report struct {
	Place       string    `json:"place"`
	Country     string    `json:"country"`
	Temperature float64   `json:"temperature"`
	Unit        string    `json:"unit"`
	Wind        float64   `json:"wind"`
	WindUnit    string    `json:"windUnit"`
	Conditions  string    `json:"conditions"`
	Code        int       `json:"code"` // WMO 4677, as the forecast has it
	Day         bool      `json:"day"`  // whether the sun is up
	Humidity    float64   `json:"humidity"`
	Time        time.Time `json:"time"`
	High        float64   `json:"high"`
	Low         float64   `json:"low"`
}

// forecast is the part of an Open-Meteo answer that is used here.
type forecast struct {
	UTCOffset    int      `json:"utc_offset_seconds"`
	Current      *current `json:"current"`
	CurrentUnits units    `json:"current_units"`
	Hourly       hourly   `json:"hourly"`
	HourlyUnits  units    `json:"hourly_units"`
	Daily        struct {
		High []*float64 `json:"temperature_2m_max"`
		Low  []*float64 `json:"temperature_2m_min"`
	} `json:"daily"`
}

type units struct {
	Temperature string `json:"temperature_2m"`
	Wind        string `json:"wind_speed_10m"`
}

// current is one moment. A service writes null for what it does not know: hence the pointers.
type current struct {
	Time        string   `json:"time"`
	Temperature *float64 `json:"temperature_2m"`
	Humidity    *float64 `json:"relative_humidity_2m"`
	Code        *int     `json:"weather_code"`
	Wind        *float64 `json:"wind_speed_10m"`
	Day         *int     `json:"is_day"`
}

// hourly holds one column per quantity.
type hourly struct {
	Time        []string   `json:"time"`
	Temperature []*float64 `json:"temperature_2m"`
	Humidity    []*float64 `json:"relative_humidity_2m"`
	Code        []*int     `json:"weather_code"`
	Wind        []*float64 `json:"wind_speed_10m"`
	Day         []*int     `json:"is_day"`
}

var errNoCurrent = errors.New("the forecast has no current weather: ask for current=temperature_2m,weather_code,…")

// parseForecast reads an answer of the forecast API.
func parseForecast(data []byte) (*forecast, error) {
	var answer struct {
		forecast
		Error  bool   `json:"error"`
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("read forecast: %w", err)
	}
	if answer.Error {
		return nil, fmt.Errorf("the forecast service refused: %s", answer.Reason)
	}
	return &answer.forecast, nil
}

// now is the report of the forecast's current weather.
func (f *forecast) now(p place) (report, error) {
	if f.Current == nil {
		return report{}, errNoCurrent
	}
	return f.report(p, *f.Current, f.CurrentUnits)
}

// at is the report of the recorded hour that has the same hour of the day as t has in that place, dated t. So a record
// that is played at any date has its nights at night.
func (f *forecast) at(p place, t time.Time) (report, error) {
	t = t.Truncate(time.Hour)
	hour := t.In(f.zone()).Format("15:00")
	for i, at := range f.Hourly.Time {
		if len(at) < 5 || at[len(at)-5:] != hour {
			continue
		}
		h := f.Hourly
		r, err := f.report(p, current{
			Time: at, Temperature: item(h.Temperature, i), Humidity: item(h.Humidity, i), Code: item(h.Code, i),
			Wind: item(h.Wind, i), Day: item(h.Day, i),
		}, f.HourlyUnits)
		r.Time = t.UTC()
		return r, err
	}
	return report{}, fmt.Errorf("the record has no hour %s", hour)
}

func (f *forecast) zone() *time.Location { return time.FixedZone("", f.UTCOffset) }

// report refuses a moment without a temperature or a time. What else is missing becomes zero, and daylight day.
func (f *forecast) report(p place, c current, u units) (report, error) {
	if c.Temperature == nil {
		return report{}, errors.New("the forecast has no temperature")
	}
	at, err := time.ParseInLocation("2006-01-02T15:04", c.Time, f.zone())
	if err != nil {
		return report{}, fmt.Errorf("read the forecast's time: %w", err)
	}
	r := report{
		Place: p.name, Country: p.country, Temperature: *c.Temperature, Unit: u.Temperature, Wind: value(c.Wind),
		WindUnit: u.Wind, Code: value(c.Code), Day: c.Day == nil || *c.Day != 0, Humidity: value(c.Humidity), Time: at.UTC(),
	}
	r.Conditions = conditions(r.Code)
	r.High, r.Low = f.extremes(r.Temperature)
	return r, nil
}

// extremes are the first day's highest and lowest temperature, and include the present one.
func (f *forecast) extremes(temperature float64) (high, low float64) {
	high, low = temperature, temperature
	include := func(t *float64) {
		if t != nil {
			high, low = max(high, *t), min(low, *t)
		}
	}
	include(item(f.Daily.High, 0))
	include(item(f.Daily.Low, 0))
	if len(f.Daily.High) == 0 {
		for i := range min(24, len(f.Hourly.Temperature)) {
			include(f.Hourly.Temperature[i])
		}
	}
	return high, low
}

// item is the i-th of a column, nil where the column is too short.
func item[T any](column []*T, i int) *T {
	if i < len(column) {
		return column[i]
	}
	return nil
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// conditions are the words for a weather code of WMO table 4677, in the subset that forecast services use.
func conditions(code int) string {
	if s, ok := map[int]string{
		0: "clear", 1: "mostly clear", 2: "partly cloudy", 3: "overcast", 45: "fog", 48: "freezing fog",
		51: "light drizzle", 53: "drizzle", 55: "heavy drizzle", 56: "light freezing drizzle", 57: "freezing drizzle",
		61: "light rain", 63: "rain", 65: "heavy rain", 66: "light freezing rain", 67: "freezing rain",
		71: "light snow", 73: "snow", 75: "heavy snow", 77: "snow grains", 80: "light showers", 81: "showers",
		82: "violent showers", 85: "light snow showers", 86: "snow showers", 95: "thunderstorm",
		96: "thunderstorm with hail", 99: "thunderstorm with heavy hail",
	}[code]; ok {
		return s
	}
	return "unknown"
}
