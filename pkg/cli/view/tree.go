package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// row is a line of the tree, in columns.
type row struct {
	// branch is what is drawn of the tree, with the symbol of a pod.
	branch string

	name, state, age, images string

	// style is that of the name, symbol that of branch and state.
	style, symbol Style
}

// tree draws the ReplicationController, its pods, what it owns, and the pods of that, in
// so many lines; 0 is without end.
func (v View) tree(size Size, room int) []Line {
	shown := v.shown(room)
	var rows []row
	for i, group := range v.Groups {
		branch, indent := "", ""
		if i > 0 {
			branch, indent = "├─ ", "│  "
			if i == len(v.Groups)-1 {
				branch, indent = "└─ ", "   "
			}
		}
		rows = append(rows, row{branch: branch, name: "rc/" + group.Name, state: group.state(size.Width), age: age(group.Age), images: group.Images, style: Bold})
		last := i > 0 || len(v.Groups) == 1 // Else what it owns comes after them.
		rows = append(rows, podRows(group.Pods, shown, indent, last)...)
	}
	return layOut(rows, size)
}

func (g Group) state(width int) string {
	text := fmt.Sprintf("%d of %d available", g.Available, g.Replicas)
	switch {
	case width < medium:
		return strings.TrimSpace(fmt.Sprintf("%s %d/%d", g.Role, g.Available, g.Replicas))
	case g.Role != "":
		return g.Role + ", " + text
	}
	return text
}

func podRows(pods []Pod, shown map[string]bool, indent string, last bool) []row {
	var rows []row
	for _, pod := range pods {
		if shown == nil || shown[pod.Name] {
			rows = append(rows, row{branch: indent + "├─ " + symbols[pod.State].text + " ", name: pod.Name, state: pod.Text, age: age(pod.Age),
				style: Plain, symbol: symbols[pod.State].style})
		}
	}
	if hidden := len(pods) - len(rows); hidden > 0 {
		rows = append(rows, row{branch: indent + "├─ ", name: fmt.Sprintf("%s %d more", ellipsis, hidden), style: Dim})
	}
	if n := len(rows); n > 0 && last {
		rows[n-1].branch = indent + "└─ " + rows[n-1].branch[len(indent+"├─ "):]
	}
	return rows
}

// symbols of the states, so that they can be told without colours.
var symbols = map[PodState]struct {
	text  string
	style Style
}{
	Failing:     {"✗", Bad},
	Terminating: {"◌", Dim},
	Pending:     {"○", Active},
	NotReady:    {"◔", Active},
	Ready:       {"◑", Active},
	Available:   {"●", Good},
}

// shown are the pods for which there is room; nil if there is for all. Those that need
// to be looked at come first.
func (v View) shown(room int) map[string]bool {
	var all []Pod
	for _, group := range v.Groups {
		all = append(all, group.Pods...)
	}
	if room == 0 || len(v.Groups)+len(all) <= room {
		return nil
	}
	slices.SortStableFunc(all, func(a, b Pod) int { return cmp.Compare(a.State, b.State) })
	// Each ReplicationController has its own line, and may need one that says how many
	// pods are left out.
	all = all[:min(len(all), max(0, room-2*len(v.Groups)))]
	shown := map[string]bool{}
	for _, pod := range all {
		shown[pod.Name] = true
	}
	return shown
}

func age(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return seconds(d)
}

// gap is what is left free between two columns.
const gap = "  "

// layOut gives each column the room that it needs, and names what is left. In a narrow
// terminal there are no ages, and images only in a wide one: the head has them, too.
func layOut(rows []row, size Size) []Line {
	var names, states, ages int
	for _, r := range rows {
		names = max(names, cells(r.branch)+cells(r.name))
		states = max(states, cells(r.state))
		ages = max(ages, cells(r.age))
	}
	if size.Width < medium {
		ages, states = 0, min(states, size.Width*2/5)
	}
	room := size.Width - states - len(gap)
	if ages > 0 {
		room -= ages + len(gap)
	}
	if size.Width >= large {
		room = min(room, size.Width/2)
	}
	names = max(minName, min(names, room))
	lines := make([]Line, len(rows))
	for i, r := range rows {
		name := shorten(harmless(r.name), names-cells(r.branch))
		lines[i] = Line{span(r.branch, r.symbol), span(pad(name, names-cells(r.branch)), r.style),
			span(gap, Plain), span(pad(shortState(r.state, states), states), r.symbol)}
		if ages > 0 {
			lines[i] = append(lines[i], span(gap+pad(r.age, ages), Dim))
		}
		if size.Width >= large && r.images != "" {
			lines[i] = append(lines[i], span(gap+r.images, Plain))
		}
		lines[i] = lines[i].trimmed()
	}
	return lines
}

// minName is what is always left of names.
const minName = 12

// shortState cuts a state at its end: it begins with what matters.
func shortState(state string, columns int) string {
	return Line{{Text: harmless(state)}}.cut(columns).Text()
}
