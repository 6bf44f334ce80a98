CREATE OR REPLACE VIEW bi.dim_area_group AS
SELECT
    m.group_area,
    g.name_en AS group_name,
    m.member,
    a.name_en AS member_name,
    m.expected = 'yes' AS is_expected,
    m.whole = 'yes' AS is_whole,
    m.valid_from,
    m.valid_to,
    m.note
FROM ref.area_group AS m
INNER JOIN ref.area AS g ON m.group_area = g.code
INNER JOIN ref.area AS a ON m.member = a.code;

COMMENT ON VIEW bi.dim_area_group IS
'Members of regions and other groups of areas, to filter and to group by. An area is in several groups: choose one kind of group before adding up';
COMMENT ON COLUMN bi.dim_area_group.group_area IS 'Group, see dim_area';
COMMENT ON COLUMN bi.dim_area_group.group_name IS 'Name of the group in English';
COMMENT ON COLUMN bi.dim_area_group.member IS 'Country, territory or former state, see dim_area';
COMMENT ON COLUMN bi.dim_area_group.member_name IS 'Name of the member in English';
COMMENT ON COLUMN bi.dim_area_group.is_expected IS 'False for a member that sums count where it has a figure, and do not miss where it has none';
COMMENT ON COLUMN bi.dim_area_group.is_whole IS 'False for a former state of which parts lie in other groups: its figure is not added';
COMMENT ON COLUMN bi.dim_area_group.valid_from IS 'First day of the membership, where the group is not fixed';
COMMENT ON COLUMN bi.dim_area_group.valid_to IS 'Last day of the membership';
COMMENT ON COLUMN bi.dim_area_group.note IS 'What a reader might get wrong';
