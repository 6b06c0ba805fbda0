-- The part of PEC's database that the lists read, with its names of tables and columns; the types are our own reading.
CREATE TABLE tb_config_sistema (co_config_sistema varchar(60) PRIMARY KEY, ds_texto text, ds_inteiro integer);
CREATE TABLE tb_dim_tempo (co_seq_dim_tempo bigint PRIMARY KEY, dt_registro date, nu_ano integer, nu_mes integer);
CREATE TABLE tb_dim_unidade_saude (co_seq_dim_unidade_saude bigint PRIMARY KEY, nu_cnes varchar(20), no_unidade_saude varchar(255));
CREATE TABLE tb_dim_equipe (co_seq_dim_equipe bigint PRIMARY KEY, nu_ine varchar(20), no_equipe varchar(255));
CREATE TABLE tb_dim_profissional (co_seq_dim_profissional bigint PRIMARY KEY, nu_cns varchar(30), no_profissional varchar(255), st_registro_valido integer);
CREATE TABLE tb_dim_municipio (co_seq_dim_municipio bigint PRIMARY KEY, co_ibge varchar(20), no_municipio varchar(255), co_dim_uf bigint);
CREATE TABLE tb_dim_cbo (co_seq_dim_cbo bigint PRIMARY KEY, nu_cbo varchar(20), no_cbo varchar(255));
CREATE TABLE tb_dim_cid (co_seq_dim_cid bigint PRIMARY KEY, nu_cid varchar(20), no_cid varchar(255));
CREATE TABLE tb_dim_ciap (co_seq_dim_ciap bigint PRIMARY KEY, nu_ciap varchar(20), no_ciap varchar(255));
CREATE TABLE tb_dim_sexo (co_seq_dim_sexo bigint PRIMARY KEY, ds_sexo varchar(50), sg_sexo varchar(1));
CREATE TABLE tb_dim_procedimento (co_seq_dim_procedimento bigint PRIMARY KEY, co_proced varchar(20), ds_proced varchar(255));
CREATE TABLE tb_dim_imunobiologico (co_seq_dim_imunobiologico bigint PRIMARY KEY, nu_identificador varchar(20), no_imunobiologico varchar(255));
CREATE TABLE tb_dim_dose_imunobiologico (co_seq_dim_dose_imunobiologico bigint PRIMARY KEY, nu_identificador varchar(20), no_dose_imunobiologico varchar(255));
CREATE TABLE tb_fat_cidadao_pec (
  co_seq_fat_cidadao_pec bigint PRIMARY KEY, co_cidadao bigint, nu_cns varchar(64), nu_cpf_cidadao varchar(64),
  no_cidadao varchar(500), no_social_cidadao varchar(500), co_dim_tempo_nascimento bigint, co_dim_sexo bigint,
  nu_telefone_celular varchar(255), st_faleceu integer, st_deletar integer, co_dim_unidade_saude_vinc bigint,
  co_dim_equipe_vinc bigint);
CREATE TABLE tb_fat_cad_individual (
  co_seq_fat_cad_individual bigint PRIMARY KEY, nu_uuid_ficha varchar(255), co_fat_cidadao_pec bigint, co_dim_tempo bigint,
  co_dim_equipe bigint, co_dim_unidade_saude bigint, co_dim_profissional bigint, nu_micro_area varchar(20),
  nu_cns_cidadao varchar(255), nu_cpf_cidadao varchar(255), st_hipertensao_arterial integer, st_diabete integer,
  st_gestante integer, st_ficha_inativa integer);
CREATE TABLE tb_fat_atendimento_individual (
  co_seq_fat_atd_ind bigint PRIMARY KEY, nu_uuid_ficha varchar(255), nu_atendimento integer, co_fat_cidadao_pec bigint,
  co_dim_tempo bigint, co_dim_tempo_dum bigint, nu_idade_gestacional_semanas integer, co_dim_municipio bigint,
  co_dim_profissional_1 bigint, co_dim_cbo_1 bigint, co_dim_unidade_saude_1 bigint, co_dim_equipe_1 bigint,
  nu_peso double precision, nu_altura double precision, ds_filtro_cids text, ds_filtro_ciaps text,
  dt_inicial_atendimento timestamp, dt_final_atendimento timestamp);
CREATE TABLE tb_fat_atd_ind_problemas (
  co_seq_fat_atd_ind_problemas bigint PRIMARY KEY, co_fat_atd_ind bigint, co_fat_cidadao_pec bigint, co_dim_cid bigint,
  co_dim_ciap bigint, co_dim_tempo bigint, co_dim_cbo_1 bigint);
CREATE TABLE tb_fat_proced_atend_proced (
  co_seq_fat_proced_atend_proced bigint PRIMARY KEY, co_fat_cidadao_pec bigint, co_dim_tempo bigint,
  co_dim_procedimento bigint, co_dim_cbo bigint, co_dim_equipe bigint, co_dim_unidade_saude bigint);
CREATE TABLE tb_fat_visita_domiciliar (
  co_seq_fat_visita_domiciliar bigint PRIMARY KEY, nu_uuid_ficha varchar(255), co_fat_cidadao_pec bigint,
  co_dim_tempo bigint, co_dim_profissional bigint, co_dim_equipe bigint, co_dim_unidade_saude bigint,
  nu_micro_area varchar(20));
CREATE TABLE tb_fat_vacinacao (
  co_seq_fat_vacinacao bigint PRIMARY KEY, nu_uuid_ficha varchar(255), co_fat_cidadao_pec bigint, co_dim_equipe bigint,
  co_dim_unidade_saude bigint, co_dim_tempo bigint);
CREATE TABLE tb_fat_vacinacao_vacina (
  co_seq_fat_vacinacao_vacina bigint PRIMARY KEY, co_fat_vacinacao bigint, co_dim_imunobiologico bigint,
  co_dim_dose_imunobiologico bigint, co_dim_tempo_vacina_aplicada bigint, co_dim_unidade_saude bigint);
