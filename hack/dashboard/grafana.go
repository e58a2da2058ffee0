package main

// The part of Grafana's model that is needed, with the defaults left out.

// schemaVersion is that of Grafana 12; newer ones migrate it.
const schemaVersion = 42

// columns is the width of a dashboard.
const columns = 24

type object = map[string]any

var datasource = object{"type": "prometheus", "uid": "${datasource}"}

// panel is one of the dashboard.
type panel struct {
	title, description string
	kind               kind
	unit               string
	queries            []query
}

// kind is the type of a panel.
type kind string

const (
	stat       kind = "stat"
	timeseries kind = "timeseries"
)

// query is one expression, and what the lines are called that it draws.
type query struct{ expr, legend string }

// row is a line of panels under a title.
type row struct {
	title  string
	height int
	panels []panel
}

// dashboard lays out the rows.
func dashboard() object {
	var panels []object
	id, y := 0, 0
	for _, r := range rows {
		id++
		panels = append(panels, object{
			"id": id, "type": "row", "title": r.title, "collapsed": false, "panels": []object{},
			"gridPos": object{"h": 1, "w": columns, "x": 0, "y": y},
		})
		y++
		width := columns / len(r.panels)
		for i, p := range r.panels {
			id++
			panels = append(panels, p.model(id, object{"h": r.height, "w": width, "x": i * width, "y": y}))
		}
		y += r.height
	}
	return object{
		"uid": "rcroll", "title": "rcroll", "tags": []string{"kubernetes", "rcroll"},
		"description":   "Rolling updates of ReplicationControllers",
		"schemaVersion": schemaVersion, "editable": true, "graphTooltip": 1, "refresh": "30s", "timezone": "browser",
		"time": object{"from": "now-6h", "to": "now"},
		"templating": object{"list": []object{{
			"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
		}}},
		"panels": panels,
	}
}

func (p panel) model(id int, position object) object {
	var targets []object
	for i, q := range p.queries {
		targets = append(targets, object{
			"refId": string(rune('A' + i)), "datasource": datasource, "expr": q.expr, "legendFormat": q.legend,
		})
	}
	defaults := object{"unit": p.unit, "min": 0}
	options := object{"legend": object{"displayMode": "list", "placement": "bottom", "showLegend": true}, "tooltip": object{"mode": "multi", "sort": "desc"}}
	if p.kind == stat {
		options = object{"graphMode": "area", "colorMode": "value", "reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}}
		delete(defaults, "min")
	}
	return object{
		"id": id, "type": p.kind, "title": p.title, "description": p.description, "datasource": datasource, "gridPos": position,
		"fieldConfig": object{"defaults": defaults, "overrides": []object{}},
		"options":     options, "targets": targets,
	}
}
