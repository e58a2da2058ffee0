package report

import (
	"bytes"
	"fmt"
	"math"
)

// The measures of the plot, in pixels.
const (
	plotWidth    = 760
	labelWidth   = 130
	plotMargin   = 30
	plotHead     = 46
	rowHeight    = 46
	dotRadius    = 5
	sideDistance = 7
)

// The colours tell apart for the colour-blind, too, and on dark and light.
const (
	rcColour         = "#d55e00"
	deploymentColour = "#0072b2"
	inkColour        = "#808080"
)

// plot draws the time of a rollout in each cell: the median as a dot and the range of
// all pairs as a line, on a logarithmic scale.
func plot(cells []Rollouts) []byte {
	axis := axisOf(cells)
	height := plotHead + rowHeight*len(cells) + plotMargin
	var svg bytes.Buffer
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", plotWidth, height)
	fmt.Fprintf(&svg, `<title>Seconds from the edit to the end of a rollout: median and range</title>`+"\n")
	legend(&svg)
	for _, tick := range axis.ticks() {
		x := axis.x(tick)
		fmt.Fprintf(&svg, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s" stroke-opacity="0.3"/>`+"\n", x, plotHead-6, x, height-plotMargin, inkColour)
		fmt.Fprintf(&svg, `<text x="%.1f" y="%d" text-anchor="middle" fill="%s">%g s</text>`+"\n", x, height-plotMargin+18, inkColour, tick)
	}
	for i, cell := range cells {
		y := plotHead + rowHeight*i + rowHeight/2
		c := Compare(cell.Pairs, numbers["seconds"])
		fmt.Fprintf(&svg, `<text x="%d" y="%d" text-anchor="end" fill="%s">%s</text>`+"\n", labelWidth-12, y+4, inkColour, cell.Name)
		axis.series(&svg, y-sideDistance, rcColour, c.RC, c.RCMin, c.RCMax)
		axis.series(&svg, y+sideDistance, deploymentColour, c.Deployment, c.DeploymentMin, c.DeploymentMax)
	}
	svg.WriteString("</svg>\n")
	return svg.Bytes()
}

func legend(svg *bytes.Buffer) {
	x := labelWidth
	for _, entry := range []struct{ colour, text string }{{rcColour, "ReplicationController with rcroll"}, {deploymentColour, "Deployment"}} {
		fmt.Fprintf(svg, `<circle cx="%d" cy="18" r="%d" fill="%s"/><text x="%d" y="22" fill="%s">%s</text>`+"\n",
			x, dotRadius, entry.colour, x+12, inkColour, entry.text)
		x += 250
	}
}

// axis is a logarithmic scale from low to high seconds.
type axis struct{ low, high float64 }

// axisOf covers all pairs; without any it is from 1 to 10 s.
func axisOf(cells []Rollouts) axis {
	low, high := math.Inf(1), 0.0
	for _, cell := range cells {
		c := Compare(cell.Pairs, numbers["seconds"])
		low, high = min(low, c.RCMin, c.DeploymentMin), max(high, c.RCMax, c.DeploymentMax)
	}
	if high == 0 {
		return axis{1, 10}
	}
	const room = 1.15
	return axis{low / room, high * room}
}

func (a axis) x(seconds float64) float64 {
	share := math.Log(seconds/a.low) / math.Log(a.high/a.low)
	return labelWidth + share*(plotWidth-labelWidth-plotMargin)
}

// ticks are 1, 2 and 5 in every decade.
func (a axis) ticks() []float64 {
	var ticks []float64
	for decade := math.Pow10(int(math.Floor(math.Log10(a.low)))); decade <= a.high; decade *= 10 {
		for _, step := range []float64{1, 2, 5} {
			if tick := decade * step; tick >= a.low && tick <= a.high {
				ticks = append(ticks, tick)
			}
		}
	}
	return ticks
}

func (a axis) series(svg *bytes.Buffer, y int, colour string, median, low, high float64) {
	fmt.Fprintf(svg, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s" stroke-width="2"/>`, a.x(low), y, a.x(high), y, colour)
	fmt.Fprintf(svg, `<circle cx="%.1f" cy="%d" r="%d" fill="%s"><title>%.2f s</title></circle>`+"\n", a.x(median), y, dotRadius, colour, median)
}
