// Package helm tests that the real helm, of both versions that are in use, installs,
// upgrades and uninstalls the chart.
package helm
